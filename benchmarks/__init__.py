"""Speed, as ratios to the raw library in the same run: absolute times on a shared machine say little."""
