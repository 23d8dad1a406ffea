return require("corosync.core").cpg
