/** Two or more adapters side by side: plain words, numbers, blocks. */
import { expect, test } from "./fixtures";
import { axeEverywhere, axeWith, pair, withSamples } from "./support";
import type { Weft } from "./server";

async function several(weft: Weft, count: number): Promise<string> {
  const { items } = await weft.api("/api/v1/library?kind=lora&family=sdxl&family=flux1&text=sample");
  return items.slice(0, count).map((card: { id: number }) => card.id).join(",");
}

test("an empty page teaches, and its window chooses what is compared", async ({ page, open, weft }) => {
  await withSamples(weft);
  await open("/compare");
  await expect(page.getByRole("main")).toContainText("before you mix them");
  await page.getByRole("button", { name: "Choose adapters" }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByRole("searchbox").fill("");
  await dialog.locator(".choice").nth(0).click();
  await dialog.locator(".choice").nth(1).click();
  await expect(dialog).toContainText("2 adapters");
  await dialog.getByRole("button", { name: "Done" }).click();
  await expect(page).toHaveURL(/\/compare\?a=\d+,\d+$/);
  await expect(page.getByRole("region", { name: "What the numbers say" })).toBeVisible();
  await page.goBack();
  await expect(page).toHaveURL(/\/compare$/);
});

test("the library's selection is compared", async ({ page, open, weft }) => {
  await withSamples(weft);
  await open("/?family=flux1&kind=lora&text=sample");
  await page.locator(".card-link").first().focus();
  await page.keyboard.press("Space");
  await expect(page.getByRole("link", { name: "Compare", exact: true }).locator("visible=true")).toHaveCount(1);
  await page.keyboard.press("ArrowRight");
  await page.keyboard.press("Space");
  await page.keyboard.press("c");
  await expect(page).toHaveURL(/\/compare\?a=/);
  await expect(page.getByRole("region", { name: "The pair" })).toContainText("Cosine");
});

test("a copy is recognised as the same change, and the average is offered", async ({ page, open, weft }) => {
  await withSamples(weft);
  const { items } = await weft.api("/api/v1/library?kind=lora&family=sd1");
  const [root] = await weft.api("/api/v1/roots");
  const body = { adapter: items[0].id, operation: "edit", scale: 0.5, name: "Half of it", root: root.id };
  const answer = await fetch(`${weft.url}/api/v1/operations`, { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(body) });
  expect(answer.ok).toBe(true);
  await expect.poll(async () => (await weft.api("/api/v1/library?text=half+of+it")).total, { timeout: 30_000 }).toBe(1);
  const half = (await weft.api("/api/v1/library?text=half+of+it")).items[0];
  await open(`/compare?a=${items[0].id},${half.id}`);
  const verdict = page.getByRole("region", { name: "What the numbers say" });
  await expect(verdict).toContainText("times the strength");
  await verdict.getByRole("link", { name: "Weave the average" }).click();
  await expect(page).toHaveURL(/\/weave\?ids=\d+,\d+&.*m=average/);
});

test("the blocks can be read by keyboard, as a table and as CSV", async ({ page, open, weft }) => {
  await withSamples(weft);
  await open(`/compare?a=${await pair(weft)}`);
  const one = page.getByRole("region", { name: "The pair" });
  const chart = one.getByRole("slider", { name: "Agreement by block" });
  await chart.focus();
  await page.keyboard.press("ArrowRight");
  await expect(chart).toHaveAttribute("aria-valuetext", /cosine [+-]?\d/);
  await expect(one.locator(".pair-readout")).toContainText("cosine");
  await one.getByRole("tab", { name: "Table" }).click();
  await expect(one.getByRole("row", { name: /^Whole/ })).toBeVisible();
  const download = page.waitForEvent("download");
  await one.getByRole("button", { name: "CSV", exact: true }).click();
  expect((await download).suggestedFilename()).toMatch(/ and .*\.csv$/);
});

test("of several each pair can be chosen, by the table and by the arrow keys", async ({ page, open, weft }) => {
  await withSamples(weft);
  const { items } = await weft.api("/api/v1/library?kind=lora&family=sdxl");
  const three = items.slice(0, 3);
  await open(`/compare?a=${three.map((card: { id: number }) => card.id).join(",")}`);
  const all = page.getByRole("region", { name: "All pairs" });
  await all.getByRole("button", { name: `${three[0].name} and ${three[1].name}: cosine` }).click();
  const heading = page.getByRole("region", { name: "The pair" }).getByRole("heading", { level: 2 });
  await expect(heading).toContainText(three[1].name);
  await page.keyboard.press("ArrowRight");
  await expect(heading).toContainText(three[2].name);
  await expect(heading).not.toContainText(three[1].name);
});

test("one alone asks for another, and an unknown one is told", async ({ page, open, weft }) => {
  await withSamples(weft);
  const [first] = (await pair(weft)).split(",");
  await open(`/compare?a=${first},999999`);
  await expect(page.getByRole("main")).toContainText("no longer in the library");
  await expect(page.getByRole("main")).toContainText("A comparison needs two");
});

axeEverywhere("empty compare", "/compare");
axeEverywhere("compare", async (weft) => `/compare?a=${await pair(weft)}`);
axeWith("compare many", async (weft) => `/compare?a=${await several(weft, 6)}`, async (page) => {
  await expect(page.getByRole("region", { name: "All pairs" })).toBeVisible();
});
