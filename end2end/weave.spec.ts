import { readFileSync } from "node:fs";

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

test("Back with unsaved changes asks too; staying keeps them, leaving goes where Back led and keeps a draft", async ({ page, open, weft }) => {
  await withSamples(weft);
  const ids = await pair(weft);
  await open("/");
  await page.evaluate((to) => {
    const link = Object.assign(document.createElement("a"), { href: to, textContent: "weave" });
    document.getElementById("main")!.append(link);
    link.click();
  }, `/weave?ids=${ids}`);
  await expect(page.getByRole("region", { name: "Combined strength" })).toContainText("mean");
  const slider = page.getByRole("region", { name: "Strands" }).getByRole("slider").first();
  await slider.focus();
  await page.keyboard.press("ArrowLeft");
  const changed = await slider.getAttribute("aria-valuenow") ?? await slider.inputValue();
  await page.goBack();
  const dialog = page.getByRole("dialog");
  await expect(dialog).toBeVisible();
  await expect(page).toHaveURL(/\/weave\?ids=/);
  await dialog.getByRole("button", { name: "Stay" }).click();
  await expect(dialog).toBeHidden();
  expect(await slider.getAttribute("aria-valuenow") ?? await slider.inputValue()).toBe(changed);
  await page.goBack();
  await dialog.getByRole("button", { name: "Leave without saving" }).click();
  await expect(page).toHaveURL((url) => url.pathname === "/");
  await expect(page.getByRole("heading", { level: 1, name: "Library" })).toBeVisible();
  expect(await page.evaluate(() => localStorage.getItem("weft-weave-draft"))).toContain(`ids=${ids}`);
});

test("a profile goes out as JSON and CSV and comes back by file and by paste", async ({ page, open, weft }) => {
  await withSamples(weft);
  await open(`/weave?ids=${await pair(weft)}&p=0_D00-02~0.5_S07`);
  await expect(page.getByRole("region", { name: "Combined strength" })).toContainText("mean");
  await page.getByRole("button", { name: "Edit block by block" }).first().click();
  const editor = page.getByRole("region", { name: "Profile by block" });
  await editor.getByText("Paste, open, copy or download").click();
  const saved: Record<string, string> = {};
  for (const kind of ["JSON", "CSV"]) {
    const [download] = await Promise.all([page.waitForEvent("download"), editor.getByRole("button", { name: kind, exact: true }).click()]);
    expect(download.suggestedFilename()).toMatch(new RegExp(`\\.profile\\.${kind.toLowerCase()}$`));
    saved[kind] = readFileSync(await download.path(), "utf8");
  }
  expect(saved.CSV).toMatch(/^slot,value\nLAYOUT,/);
  const text = () => editor.locator("code").textContent();
  const before = await text();
  const reset = async () => {
    await editor.getByRole("button", { name: "Reset" }).click();
    await expect.poll(text).not.toBe(before);
  };
  await reset();
  await editor.locator("input[type=file]").setInputFiles({ name: "a.json", mimeType: "application/json", buffer: Buffer.from(saved.JSON) });
  await expect.poll(text).toBe(before);
  await reset();
  await editor.getByRole("textbox", { name: "Paste block weights" }).evaluate((field, csv) => {
    const clipboardData = new DataTransfer();
    clipboardData.setData("text/plain", csv);
    field.dispatchEvent(new ClipboardEvent("paste", { clipboardData, bubbles: true, cancelable: true }));
  }, saved.CSV);
  await expect.poll(text).toBe(before);
  await editor.locator("input[type=file]").setInputFiles({ name: "b.csv", mimeType: "text/csv", buffer: Buffer.from("slot,value\nXX99,1\n") });
  await expect(editor.getByRole("alert")).toContainText("XX99");
});

test("adapters of different families are refused with the reason", async ({ page, open, weft }) => {
  await withSamples(weft);
  const [a, b] = await Promise.all(["sdxl", "flux1"].map((family) => weft.api(`/api/v1/library?kind=lora&family=${family}`)));
  await open(`/weave?ids=${a.items[0].id},${b.items[0].id}`);
  await expect(page.getByRole("region", { name: "Strands" })).toContainText(/SDXL/);
  await expect(page.getByRole("complementary", { name: "Result" })).toContainText("have to fit together");
  // Sentences name adapters as the library does, not as their files are called.
  for (const card of [a.items[0], b.items[0]]) {
    await expect(page.getByRole("region", { name: "Strands" }).locator(".fit")).toContainText(card.name);
    await expect(page.getByRole("region", { name: "Strands" }).locator(".fit")).not.toContainText(".safetensors");
  }
});

axeEverywhere("empty weave", "/weave");
axeEverywhere("weave", async (weft) => `/weave?ids=${await pair(weft)}&w=0.8,0.6`);
