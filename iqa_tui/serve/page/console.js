// Point the terminal at the server that this page came from, possibly through a tunnel.
document.getElementById("terminal").dataset.sessionWebsocketUrl =
  window.location.origin.replace(/^http/, "ws") + "/ws";
document.getElementById("again").addEventListener("click", () => window.location.reload());
// The token has been exchanged for a cookie: remove it from the address bar.
const here = new URL(window.location.href);
here.searchParams.delete("token");
window.history.replaceState(null, "", here);
