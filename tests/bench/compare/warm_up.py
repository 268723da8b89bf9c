"""Both brokers do all kinds of work before anything counts: the reference's compiler needs to have seen it. What fails here is
said, and does not end the comparison: the rows find out for themselves."""
import concurrent.futures

FULL_ROUNDS, QUICK_ROUNDS = 6, 1


def one_round(stage, name, batched, single):
    topic = stage.make_topic(name, 6)
    produce = lambda *words: stage.bench(name, "produce", "--topic", topic, *words)
    produce("--num-records", batched, "--record-size", 1024, "--batch-bytes", 1_000_000, "--acks", 1)
    produce("--num-records", single, "--record-size", 100, "--batch-bytes", 1, "--connections", 50, "--acks", 1)
    produce("--num-records", batched // 10, "--record-size", 1024, "--batch-bytes", 16384, "--compression", "lz4", "--acks", "all")
    stage.bench(name, "consume", "--topic", topic)
    stage.bench(name, "latency", "--topic", topic, "--rate", 5000, "--record-size", 1024, "--acks", 1, "--duration", ("3s", "5s"))
    stage.delete_topic(name, topic)


def warm(stage):
    """5 GB and a minute for each where time is not short. At the same time: nothing is measured yet."""
    sizes = stage.count((300_000, 900_000)), stage.count((60_000, 200_000))
    with concurrent.futures.ThreadPoolExecutor(2) as both:
        for _ in range(QUICK_ROUNDS if stage.quick else FULL_ROUNDS):
            for done in [both.submit(one_round, stage, name, *sizes) for name in stage.brokers]:
                if done.exception():
                    print(f"warm-up: {done.exception()}", flush=True)
