package dev.warpwright.cli.model;

import dev.warpwright.kernels.Tensor;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.SortedSet;
import java.util.TreeSet;

/**
 * The tensors of a model by name: one safetensors file, or several with an index that says which
 * tensor is in which file.
 */
public final class Checkpoint implements AutoCloseable {
  private static final String SINGLE = "model.safetensors";
  private static final String INDEX = "model.safetensors.index.json";

  private final String name;
  private final Map<String, Safetensors> files;
  private final Map<String, Safetensors> fileOfTensor;

  private Checkpoint(
      String name, Map<String, Safetensors> files, Map<String, Safetensors> fileOfTensor) {
    this.name = name;
    this.files = files;
    this.fileOfTensor = fileOfTensor;
  }

  /** The checkpoint in a folder, under the usual file names. */
  public static Checkpoint open(Path folder) throws IOException {
    if (Files.exists(folder.resolve(SINGLE))) {
      return of(Safetensors.open(folder.resolve(SINGLE)));
    }
    if (Files.exists(folder.resolve(INDEX))) {
      return sharded(folder);
    }
    throw new ModelFormatException(
        folder.toString(), "weights", "the folder has neither " + SINGLE + " nor " + INDEX);
  }

  /** A checkpoint of one file, which is closed with it. */
  public static Checkpoint of(Safetensors file) {
    Map<String, Safetensors> all = new HashMap<>();
    for (String tensor : file.names()) {
      all.put(tensor, file);
    }
    return new Checkpoint(file.file(), Map.of(file.file(), file), all);
  }

  private static Checkpoint sharded(Path folder) throws IOException {
    Path path = folder.resolve(INDEX);
    JsonFields places =
        JsonFields.parse(path.toString(), ByteBuffer.wrap(Files.readAllBytes(path)))
            .object("weight_map");
    Map<String, Safetensors> files = new LinkedHashMap<>();
    Map<String, Safetensors> fileOfTensor = new HashMap<>();
    try {
      for (String tensor : places.names()) {
        String shard = places.text(tensor);
        if (shard.contains("/") || shard.contains("\\") || !shard.endsWith(".safetensors")) {
          throw places.wrong(tensor, shard, "a safetensors file in the same folder");
        }
        Safetensors file = files.get(shard);
        if (file == null) {
          file = Safetensors.open(folder.resolve(shard));
          files.put(shard, file);
        }
        if (!file.names().contains(tensor)) {
          throw places.problem(tensor, shard + " has no tensor of this name");
        }
        fileOfTensor.put(tensor, file);
      }
    } catch (IOException | RuntimeException e) {
      files.values().forEach(Safetensors::close);
      throw e;
    }
    return new Checkpoint(path.toString(), files, fileOfTensor);
  }

  /** Names of all tensors, sorted. */
  public SortedSet<String> names() {
    return new TreeSet<>(fileOfTensor.keySet());
  }

  /**
   * A view of one tensor of any type and shape.
   *
   * @throws ModelFormatException if it is not there
   */
  public Tensor tensor(String tensor) throws ModelFormatException {
    return file(tensor).tensor(tensor);
  }

  private Safetensors file(String tensor) throws ModelFormatException {
    Safetensors file = fileOfTensor.get(tensor);
    if (file == null) {
      throw new ModelFormatException(name, tensor, "the checkpoint has no tensor of this name");
    }
    return file;
  }

  /** Bytes of all tensors in all files. */
  public long bytes() {
    return files.values().stream().mapToLong(Safetensors::bytes).sum();
  }

  /**
   * A view of one tensor.
   *
   * @throws ModelFormatException if it is not there, is not of floats, or has another shape
   */
  public Tensor tensor(String tensor, long... shape) throws ModelFormatException {
    Safetensors file = file(tensor);
    Tensor view = file.tensor(tensor);
    if (!view.shape().is(shape) || !view.dtype().isFloat()) {
      throw new ModelFormatException(
          file.file(),
          tensor,
          "is "
              + view.dtype()
              + view.shape()
              + "; allowed: floating-point numbers of shape "
              + Arrays.toString(shape));
    }
    return view;
  }

  @Override
  public void close() {
    files.values().forEach(Safetensors::close);
  }
}
