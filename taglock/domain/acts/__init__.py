"""What people do on purpose: quarantine, unlock, hold, retire, accept, and what these want of each target."""
