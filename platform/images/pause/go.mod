module swarm.enchanted.dev/platform/images/pause

go 1.26
