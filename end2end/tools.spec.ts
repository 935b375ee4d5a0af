/** Tools on the adapter page: what would come out, the job, the way to the result. */
import { expect, test } from "./fixtures";
import { axeWith, withSamples } from "./support";
import type { Page } from "@playwright/test";
import type { Weft } from "./server";

async function lora(weft: Weft, family = "sdxl"): Promise<{ id: number; name: string; rank_max: number }> {
  const { items } = await weft.api(`/api/v1/library?kind=lora&family=${family}`);
  // One that a sample file holds, with something to cut.
  return items.find((card: { name: string; rank_max: number }) => card.name.includes("sample)") && card.rank_max > 1);
}

async function openTool(page: Page, name: string) {
  const tools = page.getByRole("region", { name: "Tools" });
  await tools.getByRole("button", { name: new RegExp(`^${name}`) }).click();
  return tools;
}

test("resizing tells beforehand what it keeps, and makes the smaller file", async ({ page, open, weft }) => {
  await withSamples(weft);
  const { id, name, rank_max } = await lora(weft);
  await open(`/adapters/${id}`);
  const tools = await openTool(page, "Resize");
  await expect(tools).toContainText("Energy kept");
  const slider = tools.getByRole("slider", { name: "Rank", exact: true });
  await slider.focus();
  await page.keyboard.press("Home");
  await expect(tools.getByRole("textbox", { name: "Name of the new file" })).toHaveValue(`${name} r1`);
  await expect(tools.locator(".stats")).toContainText("r1");
  await tools.getByRole("button", { name: "Make the smaller file" }).click();
  const made = tools.getByRole("link", { name: "Open in library" });
  await expect(made).toBeVisible({ timeout: 30_000 });
  await made.click();
  await expect(page.getByRole("heading", { level: 1 })).toContainText("r1");
  const found = (await weft.api(`/api/v1/library?text=${encodeURIComponent(`${name} r1`)}`)).items;
  expect(found.some((card: { rank_max: number }) => card.rank_max === 1 && rank_max > 1)).toBe(true);
});

test("a ratio has no forecast, and says so", async ({ page, open, weft }) => {
  await withSamples(weft);
  await open(`/adapters/${(await lora(weft)).id}`);
  const tools = await openTool(page, "Resize");
  await tools.getByText("Ratio", { exact: true }).click();
  await expect(tools).toContainText("known once the file is made");
});

test("converting makes a copy under other names", async ({ page, open, weft }) => {
  await withSamples(weft);
  const { id } = await lora(weft);
  await open(`/adapters/${id}`);
  const tools = await openTool(page, "Convert");
  await tools.getByRole("radio", { name: /^diffusers/ }).check();
  await tools.getByRole("textbox", { name: "Name of the new file" }).fill("Converted in a test");
  await tools.getByRole("button", { name: "Convert a copy" }).click();
  await tools.getByRole("link", { name: "Open in library" }).click({ timeout: 30_000 });
  await expect(page.getByRole("heading", { level: 1 })).toContainText("Converted in a test");
  const copy = (await weft.api("/api/v1/library?text=converted+test")).items[0];
  const [before, after] = await Promise.all([weft.api(`/api/v1/adapters/${id}`), weft.api(`/api/v1/adapters/${copy.id}`)]);
  expect(after.naming).toBe("peft");
  // The same adapter: f16 rounds its scale into B once.
  expect(Math.abs(after.frobenius / before.frobenius - 1)).toBeLessThan(1e-3);
});

test("an edit scales blocks, and nothing can be started while nothing changes", async ({ page, open, weft }) => {
  await withSamples(weft);
  const { id } = await lora(weft, "sdxl");
  await open(`/adapters/${id}`);
  const tools = await openTool(page, "Edit");
  const save = tools.getByRole("button", { name: "Save an edited copy" });
  await expect(save).toBeDisabled();
  const blocks = tools.getByRole("slider", { name: /Factor by block/ });
  await blocks.focus();
  await page.keyboard.press("0");
  await expect(blocks).toHaveAttribute("aria-valuetext", /: 0$/);
  await tools.getByRole("button", { name: "Output blocks" }).click();
  await expect(tools.locator(".outlook")).toContainText("→");
  await tools.getByRole("textbox", { name: "Name of the new file" }).fill("Edited in a test");
  await save.click();
  await tools.getByRole("link", { name: "Open in library" }).click({ timeout: 30_000 });
  await expect(page.getByRole("heading", { level: 1 })).toContainText("Edited in a test");
  const copy = (await weft.api("/api/v1/library?text=edited+test")).items[0];
  const details = await weft.api(`/api/v1/adapters/${copy.id}`);
  const left = (await weft.api(`/api/v1/adapters/${id}`)).blocks.filter((b: { present: boolean; group: string }) => b.present && b.group === "out");
  expect(left.length).toBeGreaterThan(0);
  expect(details.blocks.filter((b: { present: boolean; group: string }) => b.present && b.group === "out")).toEqual([]);
});

test("a sound file gets a green word, and it is there again later", async ({ page, open, weft }) => {
  await withSamples(weft);
  const { id } = await lora(weft);
  await open(`/adapters/${id}`);
  const tools = await openTool(page, "Check");
  await tools.getByRole("button", { name: "Check the file" }).click();
  await expect(tools.locator(".verdict-title")).toContainText(/sound|loads/, { timeout: 30_000 });
  await page.reload();
  await page.locator("html[data-hydrated]").waitFor({ state: "attached" });
  await openTool(page, "Check");
  await expect(tools.locator(".verdict-title")).toBeVisible();
  await expect(tools.getByRole("button", { name: "Check again" })).toBeVisible();
});

test("a name of which nothing is left is told beside its field", async ({ page, open, weft, expectErrors }) => {
  expectErrors.push(/422/);
  await withSamples(weft);
  await open(`/adapters/${(await lora(weft)).id}`);
  const tools = await openTool(page, "Convert");
  await tools.getByRole("textbox", { name: "Name of the new file" }).fill("///");
  await tools.getByRole("button", { name: "Convert a copy" }).click();
  await expect(tools.getByRole("alert").filter({ hasText: "needs a name" })).toBeVisible();
});

for (const tool of ["Resize", "Convert", "Edit", "Check"]) {
  axeWith(`tool ${tool.toLowerCase()}`, async (weft) => `/adapters/${(await lora(weft, "sdxl")).id}`, async (page) => {
    const tools = await openTool(page, tool);
    if (tool === "Check") {
      await tools.getByRole("button", { name: /^Check (the file|again)/ }).click();
      await expect(tools.locator(".verdict")).toBeVisible({ timeout: 30_000 });
    } else {
      await expect(tools.getByRole("textbox", { name: "Name of the new file" })).toBeVisible();
    }
    if (tool === "Resize") await expect(tools.locator(".stats:not(.stale)")).toContainText("Energy kept");
    await tools.scrollIntoViewIfNeeded();
  });
}
