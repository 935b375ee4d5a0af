// Looks whether Weft answers again, and then opens the page that was asked for.
const look = async () => {
  try {
    const answer = await fetch("/health", { cache: "no-store" });
    if (answer.ok) {
      document.getElementById("state").textContent = "It is back.";
      location.reload();
      return;
    }
  } catch {
    // Still away.
  }
  setTimeout(look, 3000);
};
addEventListener("online", () => location.reload());
look();
