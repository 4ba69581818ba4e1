"""The main job, live: publish, decide, deliver, and the balance of it all."""
