/* Loaded before anything is painted: a chosen theme must not flash in the other one first. */
try {
  const theme = localStorage.getItem('theme');
  if (theme === 'light' || theme === 'dark') document.documentElement.dataset.theme = theme;
} catch { /* storage may be forbidden; then the system's theme it is */ }
