/** Bytes of a text in UTF-8, without encoding it. A lone surrogate counts as the three bytes of U+FFFD. */
export function utf8Bytes(text: string): number {
	let bytes = text.length;
	for (let index = 0; index < text.length; index += 1) {
		const unit = text.charCodeAt(index);
		if (unit < 0x80) continue;
		if (unit < 0x800) {
			bytes += 1;
			continue;
		}
		bytes += 2;
		const isHigh = unit >= 0xd800 && unit < 0xdc00;
		const next = isHigh ? text.charCodeAt(index + 1) : 0;
		if (next >= 0xdc00 && next < 0xe000) index += 1;
	}
	return bytes;
}
