
// Only in `cargo xtask watch`: reloads when the served build changes, and keeps no service worker.
globalThis.weftWatch = true;
for (const registration of (await navigator.serviceWorker?.getRegistrations()) ?? []) await registration.unregister();
let served = null;
setInterval(async () => {
  try {
    const answer = await fetch("/sw.js", { cache: "no-store" });
    if (!answer.ok) return;
    const now = await answer.text();
    if (served !== null && now !== served) location.reload();
    served = now;
  } catch {
    // The server restarts; the next look succeeds.
  }
}, 500);
