"""The push channel: FCM HTTP v1, and firebase-admin as the second transport."""
