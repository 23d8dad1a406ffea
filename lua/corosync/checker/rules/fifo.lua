local fifo = {
  name = "fifo",
  guarantee = "A sender's messages are delivered in the order of its sends, without a gap within a configuration.",
  messages = {
    late = "%s delivered message %s of %s after a later one of the same sender",
    gap = "%s delivered message %s of %s without %s before it",
    past_end = "%s delivered message %s of %s after the last one that it sent",
  },
}

function fifo.on_late(report, session, delivery)
  report:add_delivery(fifo, "late", session, delivery)
end

function fifo.on_gap(report, session, delivery, missing)
  report:add_delivery(fifo, missing and "gap" or "past_end", session, delivery, missing)
end

return fifo
