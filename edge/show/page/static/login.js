// A token typed into a phone is typed right where it can be seen.
const token = document.getElementById("token");
document.getElementById("show").addEventListener("change", (event) => {
  token.type = event.target.checked ? "text" : "password";
});
