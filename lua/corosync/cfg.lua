return require("corosync.binding").cfg
