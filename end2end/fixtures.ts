/**
 * What every spec starts from: `import { expect, test } from "./fixtures"`.
 *
 * - `weft`: a running Weft, one for each worker, so specs share its library. A spec that needs an empty one, or one to kill, calls
 *   `startWeft()`, which lasts for one test.
 * - `open("/weave")`: goes there and waits until the page is hydrated. Before that, server-rendered buttons do nothing.
 * - `checkA11y()`: axe over the page as it is now; nothing may be found.
 * - `theme` and `size` options: `test.use({ theme: "light", size: "phone" })`.
 * - Every test fails when the browser logs an error, a script throws, or a request answers 5xx. A test that provokes one says which:
 *   `expectErrors.push(/connection refused/)`.
 */
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";

import { test as base, type Page } from "@playwright/test";
import type { AxeResults, RunOptions } from "axe-core";

import { Weft } from "./server";

export { expect } from "@playwright/test";
export { Weft } from "./server";

export type Theme = "dark" | "light";
export const SIZES = { desktop: { width: 1440, height: 900 }, phone: { width: 390, height: 844 } } as const;

const AXE = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"];

type TestFixtures = {
  theme: Theme;
  size: keyof typeof SIZES;
  startWeft: (...args: string[]) => Promise<Weft>;
  open: (path: string) => Promise<Page>;
  checkA11y: (within?: string) => Promise<void>;
  expectErrors: RegExp[];
  watchPage: void;
};

export const test = base.extend<TestFixtures, { weft: Weft }>({
  theme: ["dark", { option: true }],
  size: ["desktop", { option: true }],

  weft: [
    async ({}, use) => {
      const weft = await Weft.start();
      await use(weft);
      await weft.dispose();
    },
    { scope: "worker" },
  ],

  baseURL: async ({ weft }, use) => use(weft.url),
  viewport: async ({ size }, use) => use({ ...SIZES[size] }),
  isMobile: async ({ size }, use) => use(size === "phone"),
  hasTouch: async ({ size }, use) => use(size === "phone"),
  colorScheme: async ({ theme }, use) => use(theme),

  startWeft: async ({}, use) => {
    const started: Weft[] = [];
    await use(async (...args) => {
      const weft = await Weft.start(args);
      started.push(weft);
      return weft;
    });
    for (const weft of started) await weft.dispose();
  },

  open: async ({ page }, use) => {
    await use(async (path) => {
      await page.goto(path);
      await hydrated(page);
      return page;
    });
  },

  checkA11y: async ({ page }, use) => {
    await use(async (within) => {
      await settled(page);
      // By the debugger's protocol, which a Content-Security-Policy does not concern.
      await page.evaluate(AXE);
      const found = await page.evaluate(
        async ([within, rules]) => {
          const { axe } = window as unknown as { axe: { run(on: unknown, how: RunOptions): Promise<AxeResults> } };
          return (await axe.run(within ?? document, { runOnly: rules, resultTypes: ["violations"] })).violations;
        },
        [within, RULES] as const,
      );
      const told = found.flatMap(({ id, help, nodes }) => nodes.map((node) => `${id} (${help}): ${node.target.join(" ")}\n    ${node.failureSummary}`));
      if (told.length) throw new Error(`axe found ${told.length}:\n${told.join("\n")}`);
    });
  },

  expectErrors: async ({}, use) => use([]),

  watchPage: [
    async ({ page, expectErrors }, use, info) => {
      const errors: string[] = [];
      page.on("console", (message) => {
        if (message.type() === "error") errors.push(`console: ${message.text()} (${message.location().url})`);
      });
      page.on("pageerror", (error) => errors.push(`thrown: ${error.stack ?? error.message}`));
      page.on("response", (response) => {
        if (response.status() >= 500) errors.push(`${response.status()}: ${response.url()}`);
      });
      await use();
      const unexpected = errors.filter((error) => !expectErrors.some((expected) => expected.test(error)));
      if (unexpected.length && info.status === info.expectedStatus) {
        throw new Error(`the page reported ${unexpected.length} error(s):\n${unexpected.join("\n")}`);
      }
    },
    { auto: true },
  ],
});

/** Waits until the page's program has taken over. */
export async function hydrated(page: Page): Promise<void> {
  await page.locator("html[data-hydrated]").waitFor({ state: "attached" });
}

/** Waits until nothing fades or slides any more: axe measures the contrast of what it sees. Animations without an end are left out. */
async function settled(page: Page): Promise<void> {
  await page.evaluate(async () => {
    const finite = document.getAnimations().filter((animation) => Number.isFinite(animation.effect?.getComputedTiming().endTime));
    await Promise.allSettled(finite.map((animation) => animation.finished));
  });
}
