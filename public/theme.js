// Runs before the first paint: the saved theme, else the system's.
(() => {
  const system = matchMedia("(prefers-color-scheme: light)");
  const apply = () => {
    let saved = null;
    try {
      saved = localStorage.getItem("weft-theme");
    } catch {
      // Storage may be forbidden; the system's choice then counts.
    }
    const theme = saved === "light" || saved === "dark" ? saved : system.matches ? "light" : "dark";
    document.documentElement.dataset.theme = theme;
  };
  apply();
  system.addEventListener("change", apply);
})();
