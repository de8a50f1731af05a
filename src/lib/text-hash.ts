/**
 * 64 bits of a text as 16 hex digits: two FNV-1a lanes over UTF-16 units, each mixed at the end.
 * Stable for ever, for stored ids are made of it. Not for secrets.
 */
export function textHash(text: string): string {
	let a = 0x811c9dc5;
	let b = 0x9e3779b9;
	for (let index = 0; index < text.length; index += 1) {
		const unit = text.charCodeAt(index);
		a = Math.imul(a ^ unit, 0x01000193);
		b = Math.imul(b ^ unit, 0x85ebca6b);
		b ^= b >>> 13;
	}
	return hex(mix(a)) + hex(mix(b ^ text.length));
}

function mix(lane: number): number {
	let value = Math.imul(lane ^ (lane >>> 16), 0x7feb352d);
	value = Math.imul(value ^ (value >>> 15), 0x846ca68b);
	return (value ^ (value >>> 16)) >>> 0;
}

const hex = (value: number): string => value.toString(16).padStart(8, "0");
