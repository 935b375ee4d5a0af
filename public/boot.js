// Loads the page's program, hydrates what the server rendered, and looks after the service worker.
import init, { hydrate } from "{{weft.js}}";

const root = document.documentElement;

await init({ module_or_path: new URL("{{weft.wasm}}", location.origin) });
await hydrate();
// Effects of the first render run before the mark that tests (and people's scripts) wait for.
setTimeout(() => root.setAttribute("data-hydrated", ""));

if ("serviceWorker" in navigator && !globalThis.weftWatch) {
  // Not awaited: the page works the same without it.
  watchForUpdates().catch((error) => console.info("Weft works without its service worker:", error.message));
}

/** Registers the worker and offers each new version once it is ready to take over. */
async function watchForUpdates() {
  let agreed = false;
  navigator.serviceWorker.addEventListener("controllerchange", () => {
    if (agreed) location.reload();
  });
  const registration = await navigator.serviceWorker.register("/sw.js", { updateViaCache: "none" });
  const offer = () => {
    const waiting = registration.waiting;
    // Without a controller this is the first visit, and nothing old is in use.
    if (!waiting || !navigator.serviceWorker.controller) return;
    offerUpdate(() => {
      agreed = true;
      const ask = () => waiting.postMessage("SKIP_WAITING");
      ask();
      // A worker that is still busy with a download lets the new one wait: asked again until it has gone.
      const again = setInterval(() => (waiting.state === "installed" ? ask() : clearInterval(again)), 1000);
    });
  };
  registration.addEventListener("updatefound", () => {
    registration.installing?.addEventListener("statechange", offer);
  });
  offer();
  // A page that stays open for days still learns of a new version.
  document.addEventListener("visibilitychange", () => {
    if (document.visibilityState === "visible") registration.update().catch(() => {});
  });
}

/** Lets the page show its own prompt (event `weft-update`), and shows a plain one when nobody took the event. */
function offerUpdate(apply) {
  root.dataset.update = "ready";
  addEventListener("weft-update-apply", apply, { once: true });
  const taken = !dispatchEvent(new CustomEvent("weft-update", { cancelable: true }));
  if (taken || document.getElementById("weft-update")) return;
  const prompt = document.createElement("div");
  prompt.id = "weft-update";
  prompt.setAttribute("role", "status");
  prompt.append("A new version of Weft is ready. ");
  const button = document.createElement("button");
  button.type = "button";
  button.textContent = "Reload";
  button.addEventListener("click", () => dispatchEvent(new Event("weft-update-apply")));
  prompt.append(button);
  prompt.style.cssText =
    "position:fixed;inset:auto 16px 16px auto;z-index:1000;padding:12px 16px;border-radius:10px;background:#15181e;color:#eceef2;box-shadow:0 8px 30px #0007;font:14px Inter,system-ui,sans-serif";
  button.style.cssText =
    "margin-left:12px;padding:6px 12px;min-height:32px;border:0;border-radius:6px;background:#7b95ff;color:#0b0e18;font:inherit;cursor:pointer";
  document.body.append(prompt);
}
