// Point the terminal at the server that this page came from, possibly through a tunnel.
document.getElementById("terminal").dataset.sessionWebsocketUrl =
  window.location.origin.replace(/^http/, "ws") + "/ws";
document.getElementById("again").addEventListener("click", () => window.location.reload());
// The token has been exchanged for a cookie: remove it from the address bar.
const here = new URL(window.location.href);
here.searchParams.delete("token");
window.history.replaceState(null, "", here);

// Keys work at once: the terminal has the focus as soon as it is there.
const opened = new MutationObserver(() => {
  const keys = document.querySelector("#terminal .xterm-helper-textarea");
  if (keys && document.body.classList.contains("-first-byte")) {
    opened.disconnect();
    keys.focus();
  }
});
opened.observe(document.body, { attributes: true, childList: true, subtree: true });

// A console that was left stays closed. If the server cannot be reached, the connection was lost: open it again when it can.
const reachable = () => fetch("/page/console.css", { cache: "no-store" }).then(() => true, () => false);
const closed = new MutationObserver(async () => {
  if (!document.body.classList.contains("-closed")) return;
  closed.disconnect();
  if (await reachable()) return;
  document.getElementById("waiting").hidden = false;
  window.setInterval(async () => (await reachable()) && window.location.reload(), 2000);
});
closed.observe(document.body, { attributes: true, attributeFilter: ["class"] });
