"""The plugins of the thermal-zoo wheel; import name `zoo_plugins`. Each folder is what a third party would write."""
