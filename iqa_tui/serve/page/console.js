// Tells the terminal where its console is: at the address this page came from, through whatever tunnel that was.
document.getElementById("terminal").dataset.sessionWebsocketUrl =
  window.location.origin.replace(/^http/, "ws") + "/ws";
document.getElementById("again").addEventListener("click", () => window.location.reload());
// The token has been exchanged for a cookie: it stays neither in the address nor in what is copied from it.
const here = new URL(window.location.href);
here.searchParams.delete("token");
window.history.replaceState(null, "", here);
