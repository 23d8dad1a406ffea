return require("corosync.binding").cpg
