/** Stands where Pi's command file is expected, and becomes that Pi inside the network namespace PI_TEST_NETNS. */
const { PI_TEST_NETNS, PI_TEST_CLI } = process.env;
const command = [
	"ip",
	"netns",
	"exec",
	PI_TEST_NETNS,
	process.execPath,
	PI_TEST_CLI,
	...process.argv.slice(2),
];
process.execve("/usr/bin/env", ["env", ...command], process.env);
