import { createServer, request, type Server } from "node:http";
import type { AddressInfo } from "node:net";

import { expect, hydrated, test } from "./fixtures";

test("the manifest makes Weft installable", async ({ page, open }) => {
  await open("/");
  const manifest = await page.locator("link[rel=manifest]").getAttribute("href");
  const answer = await page.request.get(manifest ?? "");
  expect(answer.headers()["content-type"]).toContain("application/manifest+json");
  const { name, start_url, display, icons } = await answer.json();
  expect({ name, start_url, display }).toEqual({ name: "Weft", start_url: "/", display: "standalone" });
  expect(icons.some((icon: { purpose?: string }) => icon.purpose === "maskable")).toBe(true);
  for (const icon of icons) {
    // The size that the manifest states is the size that the picture has.
    const width = await page.evaluate(async (src) => {
      const picture = new Image();
      picture.src = src;
      await picture.decode();
      return picture.naturalWidth;
    }, icon.src);
    if (icon.sizes !== "any") expect(`${width}x${width}`).toBe(icon.sizes);
  }
  // The browser's own verdict.
  const debug = await page.context().newCDPSession(page);
  const { installabilityErrors } = await debug.send("Page.getInstallabilityErrors");
  // Test contexts are incognito windows, where nothing can be installed.
  expect(installabilityErrors.map((error) => error.errorId).filter((id) => id !== "in-incognito")).toEqual([]);
});

test("hashed files are kept for ever, what keeps its name is not", async ({ page, open }) => {
  await open("/");
  const script = await page.locator("script[type=module]").first().getAttribute("src");
  expect(script).toMatch(/^\/pkg\/boot\.[0-9a-f]{16}\.js$/);
  expect((await page.request.get(script ?? "")).headers()["cache-control"]).toContain("immutable");
  expect((await page.request.get("/sw.js")).headers()["cache-control"]).toContain("no-cache");
});

test("when Weft stops, a page says so, and it comes back by itself", async ({ startWeft, page, expectErrors, checkA11y }) => {
  expectErrors.push(/ERR_CONNECTION_REFUSED|ERR_CONNECTION_RESET|ERR_INCOMPLETE_CHUNKED_ENCODING|ERR_EMPTY_RESPONSE|Failed to fetch/);
  const weft = await startWeft();
  await page.goto(weft.url);
  await hydrated(page);
  await page.evaluate(() => navigator.serviceWorker.ready);
  await weft.stop();
  await page.goto(weft.url);
  await expect(page.getByRole("heading", { name: "Weft does not answer" })).toBeVisible();
  await checkA11y();
  await weft.startAgain();
  await hydrated(page);
});

test("the service worker leaves answers of the server alone", async ({ page, open }) => {
  await open("/");
  await page.evaluate(() => navigator.serviceWorker.ready);
  await page.reload();
  await hydrated(page);
  const seen = await page.evaluate(async () => {
    await fetch("/health");
    const kept: string[] = [];
    for (const name of await caches.keys()) {
      for (const entry of await (await caches.open(name)).keys()) kept.push(new URL(entry.url).pathname);
    }
    return { kept, controlled: navigator.serviceWorker.controller !== null };
  });
  expect(seen.controlled).toBe(true);
  expect(seen.kept.filter((path) => !path.startsWith("/pkg/"))).toEqual(["/offline.html"]);
});

test("a new version is offered, and taken over when the user agrees", async ({ weft, page }) => {
  const front = await Front.before(weft.url);
  await page.goto(front.url);
  await hydrated(page);
  await page.evaluate(() => navigator.serviceWorker.ready);
  await page.reload();
  await hydrated(page);
  front.appendix = "\n// a newer build";
  await page.evaluate(async () => (await navigator.serviceWorker.ready).update());
  await expect(page.locator("html[data-update=ready]")).toBeAttached();
  const prompt = page.getByRole("button", { name: "Reload" });
  await expect(prompt).toBeVisible();
  const reloaded = page.waitForEvent("load");
  await prompt.click();
  await reloaded;
  await hydrated(page);
  await expect(page.locator("html[data-update=ready]")).not.toBeAttached();
  await front.close();
});

test("the saved theme is set as soon as there is a body", async ({ page, open }) => {
  await open("/");
  await page.evaluate(() => localStorage.setItem("weft-theme", "light"));
  await page.goto("/", { waitUntil: "commit" });
  await page.waitForFunction(() => document.body !== null);
  expect(await page.evaluate(() => document.documentElement.dataset.theme)).toBe("light");
});

/** Stands before a Weft and passes all on, but can make its service worker a newer one. */
class Front {
  appendix = "";

  private constructor(
    private readonly server: Server,
    readonly url: string,
  ) {}

  static async before(weft: string): Promise<Front> {
    const { hostname, port, host } = new URL(weft);
    const server = createServer((asked, answer) => {
      const headers = { ...asked.headers, host, "accept-encoding": "identity" };
      delete headers["if-none-match"];
      // Weft answers only pages of its own address.
      if (headers.origin) headers.origin = weft;
      if (headers.referer) headers.referer = `${weft}/`;
      const onward = request({ hostname, port, path: asked.url, method: asked.method, headers }, (got) => {
        const appendix = asked.url === "/sw.js" ? front.appendix : "";
        if (appendix) delete got.headers["content-length"];
        answer.writeHead(got.statusCode ?? 502, got.headers);
        got.on("data", (part) => answer.write(part));
        got.on("end", () => answer.end(appendix));
      });
      onward.on("error", () => answer.destroy());
      answer.on("close", () => onward.destroy());
      asked.pipe(onward);
    });
    await new Promise<void>((ready) => server.listen(0, "127.0.0.1", ready));
    // The handler above names it before it exists, and runs after.
    const front = new Front(server, `http://127.0.0.1:${(server.address() as AddressInfo).port}`);
    return front;
  }

  async close(): Promise<void> {
    this.server.closeAllConnections();
    await new Promise((closed) => this.server.close(closed));
  }
}
