"""The worked example: daily revenue in USD from transactions and the ECB's fixings."""
