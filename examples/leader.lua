-- A leader: one member at a time, on the side with a majority of the nodes. Its token is greater than those of all
-- earlier leaders. A resource that the leader writes to should refuse a token less than the greatest it has seen.
--
--   cpgrun --lab 3 examples/leader.lua    then type:  kill_host(1)   or:  kill(1)   or:  partition({1},{2,3})
leader("example", {
  elected = function(token)
    check.holds("leader", token)
    print(("I lead with token %d"):format(token))
  end,
  deposed = function(reason)
    check.released "leader"
    print("I no longer lead: " .. reason)
  end,
})
