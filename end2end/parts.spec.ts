/** The page comes in parts: what only one page needs is downloaded when somebody goes there. */
import { expect, test } from "./fixtures";
import { pair, withSamples } from "./support";

// What the service worker keeps in advance is not what a page asks for.
test.use({ serviceWorkers: "block" });

const PART = /\/pkg\/(split|chunk)_[^/]+\.wasm$/;

test("the library needs no part, Weave brings its own when it is opened", async ({ page, open, weft }) => {
  await withSamples(weft);
  const asked: string[] = [];
  page.on("request", (request) => PART.test(new URL(request.url()).pathname) && asked.push(request.url()));
  await open("/");
  await page.waitForLoadState("networkidle").catch(() => {});
  expect(asked).toEqual([]);
  await page.getByRole("navigation", { name: "Main" }).getByRole("link", { name: /Weave/ }).last().click();
  await expect(page.getByRole("heading", { level: 1, name: "Weave" })).toBeVisible();
  expect(asked.some((url) => url.includes("split_weave"))).toBe(true);
  expect(asked.some((url) => url.includes("split_adapter"))).toBe(false);
});

test("a page that is opened by its address has its part fetched with the document", async ({ page, open, weft }) => {
  await withSamples(weft);
  await open(`/weave?ids=${await pair(weft)}`);
  const early = await page.locator("link[rel=preload][as=fetch]").evaluateAll((links) => links.map((link) => link.getAttribute("href") ?? ""));
  expect(early.filter((url) => PART.test(url)).length).toBeGreaterThan(0);
  expect(early.some((url) => url.includes("weft_bg"))).toBe(true);
  // Fetched once, although preloaded by the document and asked for by the program.
  const times = await page.evaluate(() => performance.getEntriesByType("resource").map((entry) => entry.name));
  const fetched = times.filter((url) => url.includes("split_weave"));
  expect(fetched).toHaveLength(1);
});

test("a part that does not come is told, and asked for again", async ({ page, open, weft, expectErrors }) => {
  expectErrors.push(/ERR_FAILED|Failed to fetch|split_weave/);
  await withSamples(weft);
  await open("/");
  await page.route(PART, (route) => route.abort());
  const weave = page.getByRole("navigation", { name: "Main" }).getByRole("link", { name: /Weave/ }).last();
  await weave.click();
  await expect(page.getByRole("main")).toContainText("could not be loaded");
  await page.unroute(PART);
  await page.getByRole("button", { name: "Reload" }).click();
  await expect(page.getByRole("heading", { level: 1, name: "Weave" })).toBeVisible();
});
