// Service worker of Weft, build {{build}}.
//
// Files under /pkg/ carry a hash in their name: from the cache, for ever. Pages: from the network, and when Weft does not answer,
// a page that says so. Everything else (/api, server functions, the event stream, downloads, previews) is never touched.
const CACHE = "weft-{{build}}";
const OFFLINE = "/offline.html";
const PRECACHE = "{{precache}}";

self.addEventListener("install", (event) => {
  event.waitUntil(
    caches.open(CACHE).then((cache) =>
      // Hashed files may come from the browser's own cache; what keeps its name must be fresh.
      cache.addAll(PRECACHE.map((url) => new Request(url, { cache: url.startsWith("/pkg/") ? "default" : "reload" }))),
    ),
  );
});

self.addEventListener("activate", (event) => {
  event.waitUntil(
    (async () => {
      await self.registration.navigationPreload?.enable();
      for (const name of await caches.keys()) {
        if (name.startsWith("weft-") && name !== CACHE) await caches.delete(name);
      }
      await self.clients.claim();
    })(),
  );
});

self.addEventListener("message", (event) => {
  if (event.data === "SKIP_WAITING") self.skipWaiting();
});

self.addEventListener("fetch", (event) => {
  const { request } = event;
  const url = new URL(request.url);
  if (request.method !== "GET" || url.origin !== self.location.origin) return;
  if (url.pathname.startsWith("/pkg/")) {
    event.respondWith(fromCache(request));
  } else if (request.mode === "navigate" && !/^\/(api|fn)\//.test(url.pathname)) {
    event.respondWith(fromNetwork(event));
  }
});

/** A hashed file: its content never changes. */
async function fromCache(request) {
  const cache = await caches.open(CACHE);
  const kept = await cache.match(request);
  if (kept) return kept;
  const answer = await fetch(request);
  if (answer.status === 200) await cache.put(request, answer.clone());
  return answer;
}

/** A page. */
async function fromNetwork(event) {
  try {
    return (await event.preloadResponse) ?? (await fetch(event.request));
  } catch {
    return (await caches.match(OFFLINE)) ?? Response.error();
  }
}
