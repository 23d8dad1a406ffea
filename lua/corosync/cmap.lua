return require("corosync.binding").cmap
