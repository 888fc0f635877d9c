// Show the token while it is typed: on a phone that avoids mistakes.
const token = document.getElementById("token");
document.getElementById("show").addEventListener("change", (event) => {
  token.type = event.target.checked ? "text" : "password";
});
