"""What sources share that others send to, whether they ask for it or not."""
