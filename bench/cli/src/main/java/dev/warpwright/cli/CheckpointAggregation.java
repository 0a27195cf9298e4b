package dev.warpwright.cli;

import dev.warpwright.Warpwright;
import dev.warpwright.cli.model.Checkpoint;
import dev.warpwright.cli.model.ModelFormatException;
import dev.warpwright.kernels.DType;
import dev.warpwright.kernels.HostTensor;
import dev.warpwright.kernels.Tensor;
import dev.warpwright.kernels.reduce.TreeReduceSpec;
import dev.warpwright.reduce.Aggregator;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HexFormat;
import java.util.List;
import java.util.Random;
import java.util.SplittableRandom;
import java.util.stream.IntStream;

/**
 * The weighted mean of many clients' versions of a checkpoint, which are made up here: each
 * parameter gets a little noise. The vectors arrive one by one.
 */
final class CheckpointAggregation {
  /** At most this many parameters, so that large checkpoints do not need the memory of a server. */
  private static final int MAX_COLUMNS = 1 << 23;

  private static final float NOISE = 1e-3f;

  private final Warpwright ww;
  private final Checkpoint checkpoint;
  private final int copies;

  CheckpointAggregation(Warpwright ww, Checkpoint checkpoint, int copies) {
    this.ww = ww;
    this.checkpoint = checkpoint;
    this.copies = copies;
  }

  /**
   * What came out.
   *
   * @param copies number of vectors
   * @param columns parameters of a vector
   * @param shuffledSha256 digest of the mean when the vectors arrive in random order
   * @param orderedSha256 digest of the mean when they arrive in the order of their slots
   */
  record Result(int copies, int columns, String shuffledSha256, String orderedSha256) {
    boolean isEqual() {
      return shuffledSha256.equals(orderedSha256);
    }
  }

  /** Aggregates twice, in two orders of arrival. */
  Result run() throws ModelFormatException {
    float[] parameters = parameters();
    List<Integer> order = new ArrayList<>(IntStream.range(0, copies).boxed().toList());
    TreeReduceSpec spec = TreeReduceSpec.mean(copies, parameters.length);
    try (Aggregator aggregator = ww.aggregator(spec);
        HostTensor row = new HostTensor(DType.F32, parameters.length);
        HostTensor mean = new HostTensor(DType.F32, parameters.length);
        Progress progress = new Progress("aggregation", 2L * copies)) {
      String ordered = digest(aggregator, order, parameters, row.tensor(), mean.tensor(), progress);
      Collections.shuffle(order, new Random(1));
      String shuffled =
          digest(aggregator, order, parameters, row.tensor(), mean.tensor(), progress);
      return new Result(copies, parameters.length, shuffled, ordered);
    }
  }

  /** The checkpoint's parameters one after the other, tensors by name. */
  private float[] parameters() throws ModelFormatException {
    List<Tensor> tensors = new ArrayList<>();
    long elements = 0;
    for (String name : checkpoint.names()) {
      Tensor tensor = checkpoint.tensor(name);
      if (tensor.dtype().isFloat()) {
        tensors.add(tensor);
        elements += tensor.elements();
      }
    }
    float[] parameters = new float[(int) Math.min(elements, MAX_COLUMNS)];
    int at = 0;
    for (Tensor tensor : tensors) {
      for (long i = 0; i < tensor.elements() && at < parameters.length; i++) {
        parameters[at++] = tensor.getFloat(i);
      }
    }
    return parameters;
  }

  private static String digest(
      Aggregator aggregator,
      List<Integer> order,
      float[] parameters,
      Tensor row,
      Tensor mean,
      Progress progress) {
    for (int slot : order) {
      perturb(parameters, slot, row.segment());
      aggregator.accept(slot, row, 1 + slot % 7);
      progress.step();
    }
    aggregator.finish(mean);
    return sha256(mean);
  }

  /** Writes the version of one client; it depends on nothing but parameters and slot. */
  private static void perturb(float[] parameters, int slot, MemorySegment row) {
    SplittableRandom random = new SplittableRandom(slot);
    for (int i = 0; i < parameters.length; i++) {
      float noise = NOISE * (random.nextInt() * 0x1p-31f);
      row.set(ValueLayout.JAVA_FLOAT_UNALIGNED, 4L * i, parameters[i] + noise);
    }
  }

  private static String sha256(Tensor tensor) {
    try {
      MessageDigest digest = MessageDigest.getInstance("SHA-256");
      digest.update(tensor.segment().asByteBuffer());
      return HexFormat.of().formatHex(digest.digest());
    } catch (NoSuchAlgorithmException e) {
      throw new AssertionError("every JDK has SHA-256", e);
    }
  }
}
