"""Your app. An update of the template never touches this folder."""
