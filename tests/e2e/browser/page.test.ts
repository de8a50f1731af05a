import { expect, test } from "bun:test";
import { assistant, text, user } from "./page-backend.ts";
import { setUpPages } from "./page-setup.ts";

const on = setUpPages();

test("the link's code signs in once and leaves the address bar", async () => {
	const link = await on.backend.signInLink();
	const page = await on.signedOut();
	await page.goto("about:blank");
	await page.goto(link);
	await page.getByRole("navigation", { name: "Sessions" }).waitFor();
	expect(page.url()).not.toContain("code");
	await page.reload();
	await page.getByRole("navigation", { name: "Sessions" }).waitFor();

	await page.getByRole("button", { name: "Sign out" }).click();
	await page.getByLabel("API key").waitFor();
	await page.goto("about:blank");
	await page.goto(link);
	expect(await page.getByRole("alert").textContent()).toContain("used already or is too old");
	await page.close();
});

test("a link opened where the page stands already signs in too, and a used one does no harm", async () => {
	const page = await on.signedOut();
	const link = await on.backend.signInLink();
	await page.goto(link);
	await page.getByRole("navigation", { name: "Sessions" }).waitFor();
	expect(page.url()).not.toContain("code");
	await page.goto("about:blank");
	await page.goto(link);
	await page.getByRole("navigation", { name: "Sessions" }).waitFor();
	expect(page.url()).not.toContain("code");
	await page.close();
});

test("a wrong key gets one clear sentence, the right one the sessions", async () => {
	const page = await on.signedOut();
	await page.getByLabel("API key").fill("hello");
	await page.getByRole("button", { name: "Sign in" }).click();
	expect(await page.getByRole("alert").textContent()).toBe("This is not an API key: keys begin with osk_.");
	await page.getByLabel("API key").fill("osk_doesnotexist0000000000000000000");
	await page.getByRole("button", { name: "Sign in" }).click();
	await page.getByRole("alert").filter({ hasText: "unknown here" }).waitFor();
	const { key } = await on.backend.makeKey();
	await page.getByLabel("API key").fill(key);
	await page.getByRole("button", { name: "Sign in" }).click();
	await page.getByRole("navigation", { name: "Sessions" }).waitFor();
	await page.close();
});

test("a key that is revoked leads back to sign-in with the reason", async () => {
	const page = await on.signedOut();
	const { key, id } = await on.backend.makeKey(["read"]);
	await page.getByLabel("API key").fill(key);
	await page.getByRole("button", { name: "Sign in" }).click();
	await page.getByText("test", { exact: false }).first().waitFor();
	await page.getByRole("navigation", { name: "Sessions" }).waitFor();
	await on.backend.revokeKey(id);
	await page.getByRole("alert").filter({ hasText: "revoked" }).waitFor();
	await page.getByLabel("API key").waitFor();
	await page.close();
});

test("at a session, too: by its own wish, or because the key was revoked, one comes to the sign-in, and the session is left", async () => {
	const { key, id } = await on.backend.makeKey(["read"]);
	await on.terminal.open("left");
	const watching = async () => (await on.terminal.present("left")).length === 1;
	const page = await on.signedIn("left");
	await on.terminal.until(watching);
	await page.getByRole("button", { name: "Sign out" }).click();
	await page.getByLabel("API key").fill(key);
	await on.terminal.until(async () => !(await watching()));
	await page.getByRole("button", { name: "Sign in" }).click();
	await page.getByText("Nothing has been said in this session yet.").waitFor();
	await on.terminal.until(watching);
	await on.backend.revokeKey(id);
	await page.getByRole("alert").filter({ hasText: "revoked" }).waitFor();
	await page.getByLabel("API key").waitFor();
	await page.close();
	await on.terminal.remove("left");
});

test("the list shows what to do when empty, and the newest activity first as it happens", async () => {
	const page = await on.signedIn();
	await page.getByText("No sessions yet.").waitFor();
	await on.terminal.open("list-a", { projectName: "first" });
	const one = await on.terminal.append("list-a", null, user("Title of the first"));
	await on.terminal.open("list-b", { projectName: "second" });
	await on.terminal.append("list-b", null, user("Title of the second"));
	const rows = page.locator("[data-session]");
	await page.locator("[data-session=list-b]").waitFor();
	expect(await rows.evaluateAll((all) => all.map((row) => row.getAttribute("data-session")))).toEqual([
		"list-b",
		"list-a",
	]);
	await on.terminal.append("list-a", one, user("again"));
	await page.waitForFunction(
		() => document.querySelector("[data-session]")?.getAttribute("data-session") === "list-a",
	);
	await on.terminal.status("list-a", "running");
	await page
		.locator("[data-session=list-a]")
		.getByText("running", { exact: true })
		.waitFor({ state: "attached" });
	await page.getByLabel("Filter sessions").fill("second");
	await page.waitForFunction(() => document.querySelectorAll("[data-session]").length === 1);
	await on.terminal.status("list-a", "idle");
	await page.close();
});

test("a running answer is shown before it is finished, and its entry takes its place without a gap or a double", async () => {
	await on.terminal.open("live");
	const question = await on.terminal.append("live", null, user("What is two and two?"));
	const page = await on.signedIn("live");
	await page.getByText("What is two and two?", { exact: true }).first().waitFor();
	await on.terminal.status("live", "running");
	await on.terminal.startStream("live", "stream-live-00001");
	await on.terminal.push("stream-live-00001", ["m", "assistant"], ["t", 0, "It is "]);
	const live = page.getByRole("region", { name: "Running answer" });
	await live.getByText("It is", { exact: true }).waitFor();
	await on.terminal.push("stream-live-00001", ["t", 0, "**four**."]);
	await live.getByText("four", { exact: true }).waitFor();
	expect(await page.locator("[data-entry]").count()).toBe(1);

	// From here on every frame is looked at: the word stands exactly once in each.
	await page.evaluate(() => {
		const seen = window as unknown as { counts: number[] };
		seen.counts = [];
		const look = () => {
			seen.counts.push((document.querySelector("main")?.textContent?.match(/four/g) ?? []).length);
			requestAnimationFrame(look);
		};
		requestAnimationFrame(look);
	});
	const end = await on.terminal.push("stream-live-00001", ["e"]);
	const settles = { streamId: "stream-live-00001", upTo: end };
	await on.terminal.append("live", question, assistant(text("It is **four**.")), { settles });
	await page.waitForFunction(() => document.querySelectorAll("[data-entry]").length === 2);
	await on.terminal.endStream("stream-live-00001");
	await on.terminal.status("live", "idle");
	await live.waitFor({ state: "detached" });
	const counts = await page.evaluate(() => (window as unknown as { counts: number[] }).counts);
	expect(counts.length).toBeGreaterThan(0);
	expect(new Set(counts)).toEqual(new Set([1]));
	await page.close();
});

test("an answer that grows too long to be formatted is still followed word by word", async () => {
	const { terminal } = on;
	await terminal.open("endless");
	await terminal.append("endless", null, user("Go on for ever"));
	await terminal.startStream("endless", "stream-endless-01");
	await terminal.push("stream-endless-01", ["m", "assistant"], ["t", 0, "It begins.\n\n"]);
	const page = await on.signedIn("endless");
	await page.getByText("It begins.").waitFor();
	for (let count = 0; count < 120; count += 1)
		await terminal.push("stream-endless-01", ["t", 0, "A line of it\n\n".repeat(70)]);
	await terminal.push("stream-endless-01", ["t", 0, "The very newest words"]);
	await page.getByText("The very newest words").waitFor();
	await terminal.endStream("stream-endless-01");
	await page.close();
});
