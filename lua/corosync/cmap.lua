return require("corosync.core").cmap
