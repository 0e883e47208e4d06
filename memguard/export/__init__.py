"""What leaves memguard for other systems: metrics, and alerts to channels. Everything here is told what to say."""
