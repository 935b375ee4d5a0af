import { expect, test } from "./fixtures";
import { axeEverywhere, pair, withSamples } from "./support";

test("dragging a weight changes the bars at once, without any request", async ({ page, open, weft }) => {
  await withSamples(weft);
  await open(`/weave?ids=${await pair(weft)}`);
  const view = page.getByRole("region", { name: "Combined strength" });
  await expect(view).toContainText("mean");
  // The estimate of the opening comes after a pause; only then is silence meaningful.
  await expect(page.getByRole("complementary", { name: "Result" })).toContainText("Energy kept");
  await page.waitForTimeout(1_000);
  const before = await view.textContent();
  const asked: string[] = [];
  page.on("request", (request) => asked.push(request.url()));
  const slider = page.getByRole("region", { name: "Strands" }).getByRole("slider").first();
  await slider.focus();
  for (let step = 0; step < 5; step++) await page.keyboard.press("ArrowLeft");
  await expect.poll(async () => (await view.textContent()) !== before).toBe(true);
  expect(asked.filter((url) => url.includes("together"))).toEqual([]);
});

test("a weave is saved as a job and opens in the library", async ({ page, open, weft }) => {
  await withSamples(weft);
  await open(`/weave?ids=${await pair(weft)}&w=0.8,0.4`);
  const result = page.getByRole("complementary", { name: "Result" });
  await result.getByRole("textbox", { name: "Name" }).fill("Woven in a test");
  await result.getByRole("button", { name: "Save as adapter" }).click();
  const made = page.getByRole("link", { name: /Open in (the )?library/i });
  await expect(made).toBeVisible({ timeout: 30_000 });
  await made.click();
  await expect(page.getByRole("heading", { level: 1 })).toContainText("Woven in a test");
  const found = await weft.api("/api/v1/library?text=woven+test");
  expect(found.total).toBe(1);
});

test("leaving with unsaved changes asks, and staying keeps them", async ({ page, open, weft }) => {
  await withSamples(weft);
  await open(`/weave?ids=${await pair(weft)}`);
  await expect(page.getByRole("region", { name: "Combined strength" })).toContainText("mean");
  const slider = page.getByRole("region", { name: "Strands" }).getByRole("slider").first();
  await slider.focus();
  await page.keyboard.press("ArrowLeft");
  await page.getByRole("navigation", { name: "Main" }).getByRole("link", { name: /Library/ }).last().click();
  await expect(page.getByRole("dialog")).toBeVisible();
  await page.keyboard.press("Escape");
  await expect(page).toHaveURL(/\/weave/);
});

test("adapters of different families are refused with the reason", async ({ page, open, weft }) => {
  await withSamples(weft);
  const [a, b] = await Promise.all(["sdxl", "flux1"].map((family) => weft.api(`/api/v1/library?kind=lora&family=${family}`)));
  await open(`/weave?ids=${a.items[0].id},${b.items[0].id}`);
  await expect(page.getByRole("region", { name: "Strands" })).toContainText(/SDXL/);
  await expect(page.getByRole("complementary", { name: "Result" })).toContainText("have to fit together");
});

axeEverywhere("empty weave", "/weave");
axeEverywhere("weave", async (weft) => `/weave?ids=${await pair(weft)}&w=0.8,0.6`);
