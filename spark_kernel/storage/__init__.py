"""Layer 1: where bytes live. The only layer that knows fsspec.

Reading, from the user's text to records:

    globs          "a,b/{x,y}*.txt" -> patterns                          (pure)
    inputs         patterns -> the files that are there
    splits         files -> byte ranges that one task each reads          (pure)
    lines          byte range -> lines;  records -> bytes of lines
    whole_files    small files, many to a task -> whole contents

Writing:

    outputs        a folder of part files, committed with one winner per partition
    documents      single texts and JSON lines: event logs and the like

Below both:

    options        what the settings say about each storage; travels to the workers
    s3             what is particular to S3: Hadoop's setting names, time limits
    filesystems    URL + options -> an fsspec file system and a path
    byte_sources   one open file, read forward in blocks
    codecs         gzip, bzip2, xz, zstd, deflate
    failures       whatever a backend raises -> an error that a user understands

Nothing here holds an open file system between two calls: what is kept and sent are URLs and options. So everything
may be pickled, used from several threads and used after a fork.
"""
