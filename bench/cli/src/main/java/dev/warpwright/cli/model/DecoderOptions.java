package dev.warpwright.cli.model;

import dev.warpwright.attention.Observation;
import dev.warpwright.attention.PageSelection;
import dev.warpwright.kernels.Checks;
import dev.warpwright.kernels.DType;
import org.jspecify.annotations.Nullable;

/**
 * How a decoder is run.
 *
 * @param weights format of projection and expert matrices
 * @param kv how keys and values are stored
 * @param chunk most tokens of one step; longer prompts are fed in several
 * @param length longest sequence
 * @param sequences most sequences at a time
 * @param observation what the cache notes of the keys' scores
 * @param pages which pages a token looks into; null for all
 * @param calibration what the matrices are multiplied with, for weights that are pruned; null if
 *     that is not known
 */
public record DecoderOptions(
    WeightKind weights,
    DType kv,
    int chunk,
    int length,
    int sequences,
    Observation observation,
    @Nullable PageSelection pages,
    @Nullable Calibration calibration) {
  /** Checks the values. */
  public DecoderOptions {
    Checks.notNull("weights", weights);
    Checks.notNull("kv", kv);
    Checks.dtype("kv", kv, DType.F32, DType.F16, DType.BF16, DType.I8, DType.F8E4M3);
    Checks.between("chunk", chunk, 1, 1 << 20);
    Checks.between("length", length, 1, Integer.MAX_VALUE);
    Checks.between("sequences", sequences, 1, chunk);
    Checks.notNull("observation", observation);
  }

  /**
   * F32 keys and values, steps of at most 512 tokens, one sequence of the model's full length,
   * nothing noted.
   */
  public static DecoderOptions of(WeightKind weights, ModelConfig config) {
    return new DecoderOptions(
        weights, DType.F32, 512, config.positions(), 1, Observation.NOTHING, null, null);
  }

  /** With another type of keys and values. */
  public DecoderOptions withKv(DType value) {
    return new DecoderOptions(
        weights, value, chunk, length, sequences, observation, pages, calibration);
  }

  /** With another number of tokens a step. */
  public DecoderOptions withChunk(int value) {
    return new DecoderOptions(
        weights, kv, value, length, sequences, observation, pages, calibration);
  }

  /** With another limit of a sequence. */
  public DecoderOptions withLength(int value) {
    return new DecoderOptions(
        weights, kv, chunk, value, sequences, observation, pages, calibration);
  }

  /** With another number of sequences at a time. */
  public DecoderOptions withSequences(int value) {
    return new DecoderOptions(weights, kv, chunk, length, value, observation, pages, calibration);
  }

  /** With what the cache notes. */
  public DecoderOptions withObservation(Observation value) {
    return new DecoderOptions(weights, kv, chunk, length, sequences, value, pages, calibration);
  }

  /** With tokens that look into some pages only. */
  public DecoderOptions withPages(@Nullable PageSelection value) {
    return new DecoderOptions(
        weights, kv, chunk, length, sequences, observation, value, calibration);
  }

  /** With weights that are pruned by what they are multiplied with. */
  public DecoderOptions withCalibration(@Nullable Calibration value) {
    return new DecoderOptions(weights, kv, chunk, length, sequences, observation, pages, value);
  }
}
