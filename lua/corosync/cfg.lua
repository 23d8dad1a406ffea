return require("corosync.core").cfg
