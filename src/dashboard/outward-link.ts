/** True for addresses that a link in an entry may lead to: the web and mail, nothing that runs or is ours. */
export function isOutwardLink(href: string | undefined): href is string {
	return href !== undefined && /^(https?:\/\/|mailto:)/i.test(href);
}
