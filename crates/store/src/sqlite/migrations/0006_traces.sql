-- Where whoever published an event stood in a trace, as the headers of the W3C say it.
ALTER TABLE events ADD COLUMN traceparent TEXT;
ALTER TABLE events ADD COLUMN tracestate TEXT;
