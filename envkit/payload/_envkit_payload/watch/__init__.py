"""The watcher that `envkit diagnose` puts into a person's own training script."""
