"""The FCM simulator with its virtual devices, built from docs/contracts/fcm.md."""
