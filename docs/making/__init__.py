"""What the documentation's pages are made with: tables and references from the code itself."""
