-- Histories that are right. A pair: two members, 1:10 and 2:20; the second joins, both send, the second is cut off and
-- comes back, and leaves. And one of operations, of another group.
return {
  FIRST = [[
group g
config 1:10 1:10 - 1:10=join
ring 1:4
send 1 1:0a
answer 1 true
message 1:10 1:0a
config 1:10 1:10,2:20 - 2:20=join
send 2 1:0b
answer 2 true
message 2:20 1:1a
message 1:10 1:0b
send 3 1:0c
answer 3 try_again
message 2:20 1:1b
config 1:10 1:10 2:20=nodedown -
ring 1:8
send 4 1:0d
answer 4 true
message 1:10 1:0d
config 1:10 1:10,2:20 - 2:20=nodeup
ring 1:12
message 2:20 1:1d
quiet
settled
config 1:10 1:10 2:20=leave -
]],
  SECOND = [[
group g
config 2:20 1:10,2:20 - 2:20=join
ring 1:4
send 1 1:1a
answer 1 true
send 2 1:1b
answer 2 true
message 2:20 1:1a
message 1:10 1:0b
message 2:20 1:1b
config 2:20 2:20 1:10=nodedown -
ring 2:8
send 3 1:1c
answer 3 true
message 2:20 1:1c
config 2:20 1:10,2:20 - 1:10=nodeup
ring 1:12
send 4 1:1d
answer 4 true
message 2:20 1:1d
quiet
settled
config 2:20 1:10 2:20=leave -
]],
  OPERATIONS = [[
group operations
invoke 1 1.0 reg x write 5
invoke 2 1.5 sum - add 1
ok 1 2.0 - -
query 3 2.5 reg x read
unknown 2 3.0 timeout
ok 3 3.5 - 5
invoke 4 4.0 reg x cas 5 6
ok 4 4.5 - true
query 5 5.0 sum - get
ok 5 5.5 - 1
invoke 6 6.0 log - push a
query 7 6.5 log - look
ok 6 7.0 8 -
ok 7 7.5 8 a
invoke 8 8.0 log - push b
failed 8 8.0 full
query 9 9.0 log - look
]],
}
