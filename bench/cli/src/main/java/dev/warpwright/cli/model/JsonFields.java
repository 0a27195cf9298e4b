package dev.warpwright.cli.model;

import com.google.gson.JsonArray;
import com.google.gson.JsonElement;
import com.google.gson.JsonNull;
import com.google.gson.JsonObject;
import com.google.gson.JsonPrimitive;
import com.google.gson.Strictness;
import com.google.gson.stream.JsonReader;
import com.google.gson.stream.JsonToken;
import java.io.IOException;
import java.io.StringReader;
import java.math.BigDecimal;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.util.Set;
import java.util.function.Predicate;

/**
 * The fields of a JSON object in a model's file. Every fault names file and field. Stricter than
 * Gson's own tree: a name may occur once, and a number is never taken from a string. A field that
 * is null counts as absent.
 */
final class JsonFields {
  /** Longer numbers are an attack on the parser. */
  private static final int MAX_DIGITS = 64;

  private final String file;
  private final String prefix;
  private final JsonObject object;

  private JsonFields(String file, String prefix, JsonObject object) {
    this.file = file;
    this.prefix = prefix;
    this.object = object;
  }

  /** Parses a whole document, which must be one object in UTF-8. */
  static JsonFields parse(String file, ByteBuffer bytes) throws ModelFormatException {
    String text;
    try {
      text = StandardCharsets.UTF_8.newDecoder().decode(bytes).toString();
    } catch (CharacterCodingException e) {
      throw new ModelFormatException(file, "JSON", "not UTF-8 text");
    }
    try (JsonReader reader = new JsonReader(new StringReader(text))) {
      reader.setStrictness(Strictness.STRICT);
      if (read(reader) instanceof JsonObject root && reader.peek() == JsonToken.END_DOCUMENT) {
        return new JsonFields(file, "", root);
      }
    } catch (IOException | IllegalStateException | NumberFormatException e) {
      throw new ModelFormatException(file, "JSON", String.valueOf(e.getMessage()));
    }
    throw new ModelFormatException(file, "JSON", "not one object");
  }

  private static JsonElement read(JsonReader reader) throws IOException {
    return switch (reader.peek()) {
      case BEGIN_OBJECT -> {
        JsonObject read = new JsonObject();
        reader.beginObject();
        while (reader.hasNext()) {
          String name = reader.nextName();
          if (read.has(name)) {
            throw new IOException("\"" + name + "\" occurs twice in one object");
          }
          read.add(name, read(reader));
        }
        reader.endObject();
        yield read;
      }
      case BEGIN_ARRAY -> {
        JsonArray read = new JsonArray();
        reader.beginArray();
        while (reader.hasNext()) {
          read.add(read(reader));
        }
        reader.endArray();
        yield read;
      }
      case NUMBER -> {
        String digits = reader.nextString();
        if (digits.length() > MAX_DIGITS) {
          throw new IOException("a number of " + digits.length() + " characters");
        }
        yield new JsonPrimitive(new BigDecimal(digits));
      }
      case STRING -> new JsonPrimitive(reader.nextString());
      case BOOLEAN -> new JsonPrimitive(reader.nextBoolean());
      case NULL -> {
        reader.nextNull();
        yield JsonNull.INSTANCE;
      }
      default -> throw new IOException("unexpected " + reader.peek());
    };
  }

  /** Names of all fields, in the order of the file. */
  Set<String> names() {
    return object.keySet();
  }

  /** Whether the field is there and not null. */
  boolean has(String name) {
    return object.has(name) && !object.get(name).isJsonNull();
  }

  /** A field that is an object. */
  JsonFields object(String name) throws ModelFormatException {
    if (require(name, JsonElement::isJsonObject, "an object") instanceof JsonObject inner) {
      return new JsonFields(file, prefix + name + ".", inner);
    }
    throw new AssertionError(name);
  }

  /** A field that is a text. */
  String text(String name) throws ModelFormatException {
    return require(name, e -> e instanceof JsonPrimitive p && p.isString(), "a text").getAsString();
  }

  /** A field that is true or false, or {@code otherwise} where it is absent. */
  boolean flag(String name, boolean otherwise) throws ModelFormatException {
    return has(name)
        ? require(name, e -> e instanceof JsonPrimitive p && p.isBoolean(), "true or false")
            .getAsBoolean()
        : otherwise;
  }

  /** A field that is a number. */
  double number(String name) throws ModelFormatException {
    return require(name, JsonFields::isNumber, "a number").getAsDouble();
  }

  /** A field that is a whole number from {@code least} to {@code most}. */
  int integer(String name, int least, int most) throws ModelFormatException {
    JsonElement element = require(name, JsonFields::isNumber, "a number");
    try {
      int value = element.getAsBigDecimal().intValueExact();
      if (value >= least && value <= most) {
        return value;
      }
    } catch (ArithmeticException e) {
      // Reported below like any other value outside the range.
    }
    throw wrong(name, element, "a whole number in " + least + ".." + most);
  }

  /** A field that is an array of whole numbers of at least 0. */
  long[] sizes(String name) throws ModelFormatException {
    JsonArray array = require(name, JsonElement::isJsonArray, "an array").getAsJsonArray();
    long[] values = new long[array.size()];
    for (int i = 0; i < values.length; i++) {
      values[i] = size(name + "[" + i + "]", array.get(i));
    }
    return values;
  }

  private long size(String name, JsonElement element) throws ModelFormatException {
    if (isNumber(element)) {
      try {
        long value = element.getAsBigDecimal().longValueExact();
        if (value >= 0) {
          return value;
        }
      } catch (ArithmeticException e) {
        // Reported below.
      }
    }
    throw wrong(name, element, "a whole number of at least 0");
  }

  /** The first element of a field that is an array of texts. */
  String firstText(String name) throws ModelFormatException {
    JsonElement array =
        require(
            name,
            e ->
                e instanceof JsonArray a
                    && !a.isEmpty()
                    && a.get(0) instanceof JsonPrimitive p
                    && p.isString(),
            "an array of texts");
    return array.getAsJsonArray().get(0).getAsString();
  }

  /** An error about a field of this object. */
  ModelFormatException wrong(String name, Object value, String allowed) {
    return problem(name, "is " + value + "; allowed: " + allowed);
  }

  /** An error about a field of this object. */
  ModelFormatException problem(String name, String problem) {
    return new ModelFormatException(file, prefix + name, problem);
  }

  private static boolean isNumber(JsonElement element) {
    return element instanceof JsonPrimitive primitive && primitive.isNumber();
  }

  private JsonElement require(String name, Predicate<JsonElement> isRight, String allowed)
      throws ModelFormatException {
    if (!has(name)) {
      throw problem(name, "is missing; allowed: " + allowed);
    }
    JsonElement element = object.get(name);
    if (!isRight.test(element)) {
      throw wrong(name, element, allowed);
    }
    return element;
  }
}
